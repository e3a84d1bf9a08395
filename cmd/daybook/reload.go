package main

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"syscall"

	"daybook"
)

// settings are those of the configuration file; none without one.
func (c *serveCmd) settings() (daybook.Settings, error) {
	if c.Config == "" {
		return daybook.Settings{}, nil
	}
	loaded, err := loadConfig(c.Config)
	if err != nil {
		return daybook.Settings{}, usageError{err}
	}
	c.loaded = loaded
	return loaded.settings, nil
}

// warn says what a configuration that can be used has that may be wrong, and which programs and folders
// this machine lacks for it.
func (l *loadedConfig) warn(logger *slog.Logger) {
	if l == nil {
		return
	}
	for _, one := range l.warnings {
		logger.Warn("the configuration may be wrong", "problem", one.Error())
	}
	for _, f := range l.settings.Missing() {
		logger.Warn("a command of the configuration cannot run yet", "setting", f.Pointer, "problem", f.Detail)
	}
}

// noticeHangups notices SIGHUP, which else would end the process.
func noticeHangups() chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// onHangups reloads the configuration at each SIGHUP, until the function that it returns is called.
// Without a configuration the signal does nothing: the end of a terminal does not stop the server.
func (c *serveCmd) onHangups(ctx context.Context, hangups chan os.Signal, logger *slog.Logger, server *server) (end func()) {
	var listener sync.WaitGroup
	listener.Go(func() {
		for range hangups {
			c.reload(ctx, logger, server)
		}
	})
	return func() {
		signal.Stop(hangups)
		close(hangups)
		listener.Wait()
	}
}

// reload reads the configuration file and applies it. A file with errors changes nothing.
func (c *serveCmd) reload(ctx context.Context, logger *slog.Logger, server *server) {
	if c.Config == "" {
		logger.Info("SIGHUP is ignored: the server was started without --config. SIGTERM stops the server")
		return
	}
	loaded, err := loadConfig(c.Config)
	if err != nil {
		logger.Error("the configuration has errors and was not reloaded; the server goes on with the one before. Correct it and send SIGHUP again", "error", err)
		return
	}
	if err := server.daybook.Configure(ctx, loaded.settings); err != nil {
		logger.Error("the configuration was not applied completely; send SIGHUP again", "error", err)
		return
	}
	if changed := changedSettings(c.loaded.server, loaded.server); len(changed) > 0 {
		logger.Warn("settings of [server] have changed; restart the server to apply them", "settings", changed)
	}
	loaded.warn(logger)
	logger.Info("configuration reloaded", "file", filepath.Base(c.Config), "contents", loaded.contents)
}

// changedSettings are the names of the settings that differ.
func changedSettings(before, now map[string]any) (names []string) {
	for name := range maps.Keys(before) {
		if _, there := now[name]; !there {
			names = append(names, name)
		}
	}
	for name, value := range now {
		if old, there := before[name]; !there || !reflect.DeepEqual(old, value) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
