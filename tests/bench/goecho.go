// SPDX-License-Identifier: MIT

// goecho - echoserver.c as a Go programmer would write it: a goroutine per connection
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "goecho:", err)
		os.Exit(1)
	}
}

func serve(c net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			c.Close()
			return
		}
		_, err = c.Write(buffer[:n])
		must(err)
	}
}

func main() {
	var files syscall.Rlimit
	must(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	files.Cur = files.Max
	must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files))
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			c, err := listener.Accept()
			must(err)
			go serve(c) // TCP_NODELAY is Go's default
		}
	}()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	io.Copy(io.Discard, os.Stdin)
}
