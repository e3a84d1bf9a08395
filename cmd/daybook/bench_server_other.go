//go:build !linux

package main

import "syscall"

// rssUnit is the unit of Rusage.Maxrss in bytes.
const rssUnit = 1

func endWithUs(*syscall.SysProcAttr) {}

func inMemory(string) bool { return false }
