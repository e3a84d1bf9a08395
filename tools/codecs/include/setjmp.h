// WebAssembly without exceptions has no long jumps: the instance ends instead. The host makes a new
// one for each picture, so nothing is left behind.
#pragma once
typedef int jmp_buf[1];
#define setjmp(buffer) ((void)(buffer), 0)
#define longjmp(buffer, value) __builtin_trap()
