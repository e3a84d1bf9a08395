package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return `Prints a script that completes commands and flags.

Examples:

    source <(daybook completion bash)
    daybook completion zsh >"${fpath[1]}/_daybook"
    daybook completion fish >~/.config/fish/completions/daybook.fish`
}

func (c *completionCmd) Run(k *kong.Kong, s *stdio) error {
	script := map[string]func([]completed) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell]
	_, err := fmt.Fprint(s.out, script(completions(k.Model.Node)))
	return err
}

// completed is one command with what can follow it.
type completed struct {
	name, help string
	flags      []completedFlag
}

type completedFlag struct {
	name, help string
	short      rune
	takesValue bool
}

// completions lists the commands below root.
func completions(root *kong.Node) []completed {
	var all []completed
	for _, node := range root.Children {
		if node.Hidden {
			continue
		}
		one := completed{name: node.Name, help: node.Help}
		for _, f := range node.Flags {
			if !f.Hidden {
				one.flags = append(one.flags, completedFlag{f.Name, f.Help, f.Short, !f.IsBool()})
			}
		}
		one.flags = append(one.flags, completedFlag{name: "help", help: "Show help.", short: 'h'})
		all = append(all, one)
	}
	return all
}

func bashScript(commands []completed) string {
	var b strings.Builder
	b.WriteString("# bash completion of daybook\n_daybook() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]} words files=\n\tcase ${COMP_WORDS[1]} in\n")
	var names []string
	for _, c := range commands {
		names = append(names, c.name)
		var flags []string
		for _, f := range c.flags {
			flags = append(flags, "--"+f.name)
		}
		fmt.Fprintf(&b, "\t%s) words=%q ;;\n", c.name, strings.Join(flags, " "))
	}
	fmt.Fprintf(&b, "\tesac\n\tif ((COMP_CWORD == 1)); then words=%q; elif [[ $word != -* ]]; then words=; files=-f; fi\n", strings.Join(names, " ")+" help")
	b.WriteString("\tmapfile -t COMPREPLY < <(compgen $files -W \"$words\" -- \"$word\")\n}\ncomplete -o filenames -F _daybook daybook\n")
	return b.String()
}

func zshScript(commands []completed) string {
	var b strings.Builder
	b.WriteString("#compdef daybook\n# zsh completion of daybook\n_daybook() {\n\tif ((CURRENT == 2)); then\n\t\tlocal -a commands=(\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "\t\t\t%s\n", singleQuoted(c.name+":"+c.help))
	}
	b.WriteString("\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tcase ${words[2]} in\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "\t%s) _arguments", c.name)
		for _, f := range c.flags {
			spec := "--" + f.name + "[" + strings.NewReplacer("[", "(", "]", ")", ":", ";").Replace(f.help) + "]"
			if f.takesValue {
				spec += ":value:_files"
			}
			b.WriteString(" \\\n\t\t" + singleQuoted(spec))
		}
		b.WriteString(" \\\n\t\t'*:argument:_files' ;;\n")
	}
	b.WriteString("\tesac\n}\ncompdef _daybook daybook 2>/dev/null\n[[ $zsh_eval_context == *loadautofunc* ]] && _daybook \"$@\"\n")
	return b.String()
}

func fishScript(commands []completed) string {
	var b strings.Builder
	b.WriteString("# fish completion of daybook\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "complete -c daybook -n __fish_use_subcommand -f -a %s -d %s\n", c.name, singleQuoted(c.help))
		for _, f := range c.flags {
			fmt.Fprintf(&b, "complete -c daybook -n '__fish_seen_subcommand_from %s' -l %s", c.name, f.name)
			if f.short != 0 {
				fmt.Fprintf(&b, " -s %c", f.short)
			}
			if f.takesValue {
				b.WriteString(" -r")
			}
			fmt.Fprintf(&b, " -d %s\n", singleQuoted(f.help))
		}
	}
	return b.String()
}

// singleQuoted is text between single quotes, as bash, zsh and fish read it.
func singleQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'"'"'`) + "'" }
