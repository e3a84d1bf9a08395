//go:build !cgo

package sqlite

// Without cgo the build stops here, with the reason as the name of what is missing: no C
// compiler was found, or CGO_ENABLED is 0.
var _ = SQLite_is_written_in_C__install_a_C_compiler_such_as_gcc_and_build_with_CGO_ENABLED_1
