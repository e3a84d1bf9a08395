package main

// Colours on standard output, where it is a terminal that wants them.

func (s *stdio) paint(code, text string) string {
	if !s.outColour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *stdio) bold(text string) string { return s.paint("1", text) }
func (s *stdio) dim(text string) string  { return s.paint("2", text) }
func (s *stdio) link(text string) string { return s.paint("4;36", text) }

// paintErr is paint for standard error.
func (s *stdio) paintErr(code, text string) string {
	if !s.errColour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
