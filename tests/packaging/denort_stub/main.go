// Stands in for Deno's runtime part where that can't be downloaded: runs the command that was linked
// into it (words with tabs between them), with its own arguments behind.
package main

import (
	"os"
	"strings"
	"syscall"
)

var command string

func main() {
	words := append(strings.Split(command, "\t"), os.Args[1:]...)
	if err := syscall.Exec(words[0], words, os.Environ()); err != nil {
		panic(err)
	}
}
