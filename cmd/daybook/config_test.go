package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheExampleOfAConfigurationCanBeUsed(t *testing.T) {
	loaded, err := loadConfig("../../examples/daybook.toml")
	if err != nil {
		t.Fatal(err)
	}
	s := loaded.settings
	if s.Email == nil || len(s.Commands) != 1 || len(s.Declared.Schedules) != 1 || loaded.server["concurrency"] != int64(16) {
		t.Errorf("%+v", loaded)
	}
}

func TestThePasswordOfTheMailServerIsReadAndNotShown(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "daybook.toml")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("password", "right horse\n")
	write("daybook.toml", "[email]\nhost = \"smtp.example.com\"\nusername = \"shop\"\npassword_file = \"password\"\n"+
		"[command.x]\nargv = [\"/bin/true\"]\ngrace_seconds = 1.5\n")
	loaded, err := loadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.settings.Email.Password != "right horse" || loaded.settings.Commands["x"].Grace != 1500*time.Millisecond {
		t.Errorf("%+v", loaded.settings)
	}
	t.Setenv("DAYBOOK_EMAIL_PASSWORD", "from the environment")
	if loaded, err = loadConfig(file); err != nil || loaded.settings.Email.Password != "from the environment" {
		t.Error(err)
	}
	write("daybook.toml", "[email]\nhost = \"smtp.example.com\"\nusername = 7\npassword = \"right horse\"\nencryption = \"ssl\"\nca_file = \"nowhere\"\n")
	_, err = loadConfig(file)
	if err == nil || strings.Contains(err.Error(), "right horse") || strings.Contains(err.Error(), "from the environment") {
		t.Error(err)
	}
	for _, want := range []string{":3:1: email.username must be a string", ":5:1: email.encryption must be", ":6:1: email.ca_file cannot be read: no such file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}
