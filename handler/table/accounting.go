package table

// read reads a number in the format, also a negative one with the minus behind it or in
// brackets, as accounts write them. Only beside other numbers are these numbers.
func (f numberFormat) read(b []byte) (n parsed, accounting, ok bool) {
	if n, ok = f.parse(b); ok {
		return n, false, true
	}
	last := len(b) - 1
	switch {
	case last < 1:
		return n, false, false
	case b[last] == '-':
		b = trim(b[:last])
	case b[0] == '(' && b[last] == ')':
		b = trim(b[1:last])
	default:
		return n, false, false
	}
	if len(b) == 0 || b[0] == '-' || b[0] == '+' {
		return n, false, false
	}
	if n, ok = f.parse(b); !ok {
		return n, false, false
	}
	n.i = -n.i
	if n.f != 0 {
		n.f = -n.f
	}
	return n, true, true
}
