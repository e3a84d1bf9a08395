package mail

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"

	"github.com/rivo/uniseg"
)

// maxLetter is the most bytes that a rendered subject or body may have.
const maxLetter = 64 << 10

// letter renders the subject and the body of each message.
type letter struct {
	subject, body rendering
	html          rendering // nil = the message has none
}

// rendering is a template of text or of HTML.
type rendering interface {
	Name() string
	Execute(into io.Writer, data any) error
}

// newLetter parses both templates. They may use the fields of recipient, if, with, variables and
// a few functions; loops, template calls and functions that build text are refused, so that a
// rendering takes time and memory in proportion to the template.
func newLetter(subject, body string) (*letter, error) {
	s, err := parseTemplate("subject", subject)
	if err != nil {
		return nil, err
	}
	b, err := parseTemplate("body", body)
	if err != nil {
		return nil, err
	}
	return &letter{subject: s, body: b}, nil
}

// addHTML parses a template of HTML: the same as the others, but its values are escaped.
func (l *letter) addHTML(text string) error {
	t, err := htmltemplate.New("html").Funcs(htmltemplate.FuncMap(letterFuncs)).Parse(text)
	if err != nil {
		return templateError(err)
	}
	if len(t.Templates()) > 1 {
		return errors.New("html: define and block are not allowed")
	}
	if t.Tree != nil {
		if err := checkNode(t.Tree.Root); err != nil {
			return fmt.Errorf("html: %w", err)
		}
		l.html = t
	}
	return nil
}

// render returns the text for one recipient. The subject is one line: what is white space or a
// control character in it becomes a single space.
func (l *letter) render(r recipient) (subject, body string, err error) {
	if subject, err = execute(l.subject, r); err != nil {
		return "", "", err
	}
	if body, err = execute(l.body, r); err != nil {
		return "", "", err
	}
	return oneLine(subject), body, nil
}

func parseTemplate(name, text string) (*template.Template, error) {
	t, err := template.New(name).Funcs(letterFuncs).Parse(text)
	if err != nil {
		return nil, templateError(err)
	}
	if len(t.Templates()) > 1 {
		return nil, fmt.Errorf("%s: define and block are not allowed", name)
	}
	if t.Tree == nil {
		return t, nil
	}
	if err := checkNode(t.Root); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// letterFuncs are ours; allowedFuncs those and the harmless ones of text/template.
var letterFuncs = template.FuncMap{
	"upper": strings.ToUpper, "lower": strings.ToLower, "len": lengthOf, "slice": sliceOf, "index": characterOf,
}

var allowedFuncs = map[string]bool{
	"upper": true, "lower": true, "and": true, "or": true, "not": true, "len": true, "slice": true, "index": true,
	"eq": true, "ne": true, "lt": true, "le": true, "gt": true, "ge": true,
}

// checkNode refuses what could run away: an allowed template visits each of its nodes at most
// once, and no function makes long text of short.
func checkNode(node parse.Node) error {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		return checkNodes(n.Nodes)
	case *parse.ActionNode:
		return checkNode(n.Pipe)
	case *parse.IfNode:
		return checkBranch(&n.BranchNode)
	case *parse.WithNode:
		return checkBranch(&n.BranchNode)
	case *parse.PipeNode:
		if n == nil {
			return nil
		}
		return checkNodes(n.Cmds)
	case *parse.CommandNode:
		return checkNodes(n.Args)
	case *parse.ChainNode:
		return checkNode(n.Node)
	case *parse.IdentifierNode:
		if !allowedFuncs[n.Ident] {
			return fmt.Errorf("the function %s is not allowed", n.Ident)
		}
		return nil
	case *parse.TextNode, *parse.CommentNode, *parse.FieldNode, *parse.VariableNode, *parse.DotNode,
		*parse.NilNode, *parse.BoolNode, *parse.NumberNode, *parse.StringNode:
		return nil
	case *parse.RangeNode:
		return errors.New("range is not allowed")
	default:
		return fmt.Errorf("%s is not allowed", node)
	}
}

func checkNodes[N parse.Node](nodes []N) error {
	for _, n := range nodes {
		if err := checkNode(n); err != nil {
			return err
		}
	}
	return nil
}

func checkBranch(n *parse.BranchNode) error {
	return errors.Join(checkNode(n.Pipe), checkNode(n.List), checkNode(n.ElseList))
}

// lengthOf counts the characters of a text as a reader does: a letter with its accents is one.
func lengthOf(text string) int { return uniseg.GraphemeClusterCount(text) }

// sliceOf is the text from one character, counted from 0, up to and without another.
func sliceOf(text string, bounds ...int) (string, error) {
	if len(bounds) > 2 {
		return "", errors.New("a text is cut at most two times")
	}
	all := characters(text)
	from, to := 0, len(all)
	if len(bounds) > 0 {
		from = bounds[0]
	}
	if len(bounds) > 1 {
		to = bounds[1]
	}
	if from < 0 || to < from || to > len(all) {
		return "", fmt.Errorf("%q has %d characters: it cannot be cut from %d to %d", text, len(all), from, to)
	}
	return strings.Join(all[from:to], ""), nil
}

// characterOf is the character at a place, counted from 0.
func characterOf(text string, at int) (string, error) { return sliceOf(text, at, at+1) }

func characters(text string) (all []string) {
	for clusters := uniseg.NewGraphemes(text); clusters.Next(); {
		all = append(all, clusters.Str())
	}
	return all
}

var errLetterTooLong = fmt.Errorf("more than %d bytes of text", maxLetter)

// execute renders one template, up to maxLetter bytes.
func execute(t rendering, r recipient) (string, error) {
	var text boundedBuilder
	err := t.Execute(&text, r)
	if errors.Is(err, errLetterTooLong) {
		return "", fmt.Errorf("%s: %w", t.Name(), errLetterTooLong)
	}
	if err != nil {
		return "", fmt.Errorf("%w (for %s)", templateError(err), r.Email)
	}
	return text.String(), nil
}

// templateError says what text/template found, without its prefix.
func templateError(err error) error {
	return fmt.Errorf("template of the %s", strings.TrimPrefix(strings.TrimPrefix(err.Error(), "html/"), "template: "))
}

// boundedBuilder refuses to grow over maxLetter bytes.
type boundedBuilder struct{ strings.Builder }

func (b *boundedBuilder) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxLetter {
		return 0, errLetterTooLong
	}
	return b.Builder.Write(p)
}

// oneLine makes a single line of text.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}
