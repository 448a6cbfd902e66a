// SPDX-License-Identifier: MIT

// gobench - the rows of bench.c as a Go programmer would write them
//
//	gobench --list		the names of the rows, one a line
//	gobench ROW [N [SIZE]]	run a row once, print its figure
//
// A row of the same name does the same work: goroutines for threads, and where
// Go has an idiom of its own (a channel for the bounded queue, the semaphores
// and the ring) the idiom, for that is what a Go program would pay. Needs
// nothing beyond the standard library of Go 1.19.
package main

import (
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type row struct {
	name string
	run  func(n, size int) float64
	n    int
	size int
}

var rows = []row{
	{"create", rowCreate, 1000, 1},
	{"storm", rowStorm, 10000, 10000},
	{"fib", rowFib, 1, 15},
	{"skynet", rowSkynet, 1, 10000},
	{"skynet100k", rowSkynet, 1, 100000},
	{"yield2", rowYield, 10000, 2},
	{"yield100", rowYield, 10000, 100},
	{"cond", rowCond, 1000, 2},
	{"sem", rowSem, 1000, 2},
	{"mutex", rowContend, 100000, 1},
	{"mutex2", rowContend, 10000, 2},
	{"mutex16", rowContend, 10000, 16},
	{"mutex256", rowContend, 10000, 256},
	{"barrier", rowBarrier, 6400, 64},
	{"queue", rowQueue, 10000, 4},
	{"ring", rowRing, 1006, 503},
	{"pipe", rowPipe, 1000, 2},
	{"socketpair", rowSocketpair, 1000, 2},
	{"fileread", rowFileread, 10000, 4096},
	{"cpu", rowCPU, 10, 4},
	{"late", rowLate, 10, 8},
	{"wakeup", rowWakeup, 10, 8},
	{"spread", rowSpread, 5000, 64},
	{"memory", rowMemory, 2000, 0},
	{"pagetables", rowPagetables, 2000, 0},
	{"tasks", rowTasks, 100, 0},
	{"idle", rowIdle, 3, 1000},
}

func die(what ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"gobench:"}, what...)...)
	os.Exit(1)
}

func must(err error) {
	if err != nil {
		die(err)
	}
}

func share(n, count int) int { return (n + count - 1) / count }

func since(start time.Time) float64 { return float64(time.Since(start)) }

// A team is made first, waits at a gate and runs together, as in bench.c.
type team struct {
	gate chan struct{}
	done sync.WaitGroup
}

func startTeam(count int, fn func(me int)) *team {
	t := &team{gate: make(chan struct{})}
	var ready sync.WaitGroup
	ready.Add(count)
	t.done.Add(count)
	for i := 0; i < count; i++ {
		go func(me int) {
			ready.Done()
			<-t.gate
			fn(me)
			t.done.Done()
		}(i)
	}
	ready.Wait()
	return t
}

func runTeam(count int, fn func(me int)) float64 {
	t := startTeam(count, fn)
	start := time.Now()
	close(t.gate)
	t.done.Wait()
	return since(start)
}

func rowCreate(n, _ int) float64 {
	start := time.Now()
	for i := 0; i < n; i++ {
		done := make(chan struct{})
		go close(done)
		<-done
	}
	return since(start) / float64(n)
}

func rowStorm(n, size int) float64 {
	storms := share(n, size)
	start := time.Now()
	for s := 0; s < storms; s++ {
		var wg sync.WaitGroup
		wg.Add(size)
		for i := 0; i < size; i++ {
			go wg.Done()
		}
		wg.Wait()
	}
	return since(start) / float64(storms*size)
}

func fib(n int, result chan<- int) {
	if n < 2 {
		result <- n
		return
	}
	sub := make(chan int, 2)
	go fib(n-1, sub)
	go fib(n-2, sub)
	result <- <-sub + <-sub
}

func rowFib(n, size int) float64 {
	value, next, calls, callsNext := 0, 1, 1, 1
	for i := 0; i < size; i++ {
		value, next = next, value+next
		calls, callsNext = callsNext, 1+calls+callsNext
	}
	trees := share(n, calls)
	result := make(chan int, 1)
	start := time.Now()
	for i := 0; i < trees; i++ {
		go fib(size, result)
		if <-result != value {
			die("fib: wrong sum")
		}
	}
	return since(start) / float64(trees*calls)
}

func skynet(first, leaves int, result chan<- int) {
	if leaves == 1 {
		result <- first
		return
	}
	sub := make(chan int, 10)
	for i := 0; i < 10; i++ {
		go skynet(first+i*(leaves/10), leaves/10, sub)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-sub
	}
	result <- sum
}

func rowSkynet(n, size int) float64 {
	threads := 0
	for level := size; level > 0; level /= 10 {
		threads += level
	}
	trees := share(n, threads)
	result := make(chan int, 1)
	start := time.Now()
	for i := 0; i < trees; i++ {
		go skynet(0, size, result)
		if <-result != size*(size-1)/2 {
			die("skynet: wrong sum")
		}
	}
	return since(start) / float64(trees*threads)
}

func rowYield(n, size int) float64 {
	each := share(n, size)
	took := runTeam(size, func(int) {
		for i := 0; i < each; i++ {
			runtime.Gosched()
		}
	})
	return took / float64(each*size)
}

func rowCond(n, _ int) float64 {
	var lock sync.Mutex
	changed := [2]*sync.Cond{sync.NewCond(&lock), sync.NewCond(&lock)}
	turn, each := 0, share(n, 2)
	took := runTeam(2, func(me int) {
		lock.Lock()
		for i := 0; i < each; i++ {
			for turn != me {
				changed[me].Wait()
			}
			turn = 1 - me
			changed[1-me].Signal()
		}
		lock.Unlock()
	})
	return took / float64(2*each)
}

func rowSem(n, _ int) float64 {
	sems := [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}
	each := share(n, 2)
	sems[0] <- struct{}{}
	took := runTeam(2, func(me int) {
		for i := 0; i < each; i++ {
			<-sems[me]
			sems[1-me] <- struct{}{}
		}
	})
	return took / float64(2*each)
}

func rowContend(n, size int) float64 {
	var lock sync.Mutex
	value, each := 0, share(n, size)
	took := runTeam(size, func(int) {
		for i := 0; i < each; i++ {
			lock.Lock()
			value++
			lock.Unlock()
		}
	})
	if value != each*size {
		die("mutex: lost updates")
	}
	return took / float64(value)
}

// The textbook barrier: Go has none of its own.
type barrier struct {
	lock    sync.Mutex
	all     *sync.Cond
	count   int
	arrived int
	round   int
}

func (b *barrier) wait() {
	b.lock.Lock()
	round := b.round
	if b.arrived++; b.arrived == b.count {
		b.arrived = 0
		b.round++
		b.all.Broadcast()
	}
	for b.round == round {
		b.all.Wait()
	}
	b.lock.Unlock()
}

func rowBarrier(n, size int) float64 {
	b := &barrier{count: size}
	b.all = sync.NewCond(&b.lock)
	each := share(n, size)
	passes := make([]int64, size)
	took := runTeam(size, func(me int) {
		for i := int64(0); i < int64(each); i++ {
			atomic.StoreInt64(&passes[me], i+1)
			b.wait()
			other := atomic.LoadInt64(&passes[(me+1)%size])
			if other < i+1 || other > i+2 {
				die("barrier: a goroutine went through alone")
			}
		}
	})
	return took / float64(each*size)
}

func rowQueue(n, size int) float64 {
	queue := make(chan int, 64)
	each := share(n, size)
	var sum int64
	took := runTeam(2*size, func(me int) {
		if me < size {
			for i := 0; i < each; i++ {
				queue <- i
			}
			return
		}
		mine := 0
		for i := 0; i < each; i++ {
			mine += <-queue
		}
		atomic.AddInt64(&sum, int64(mine))
	})
	if sum != int64(size*(each*(each-1)/2)) {
		die("queue: lost items")
	}
	return took / float64(size*each)
}

func rowRing(n, size int) float64 {
	ring := make([]chan int, size)
	for i := range ring {
		ring[i] = make(chan int, 1)
	}
	rounds := share(n, size)
	ring[0] <- 0
	took := runTeam(size, func(me int) {
		for i := 0; i < rounds; i++ {
			ring[(me+1)%size] <- 1 + <-ring[me]
		}
	})
	if <-ring[0] != rounds*size {
		die("ring: the token lost count")
	}
	return took / float64(rounds*size)
}

type stream interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
}

func talk(trips int, in, out [2]stream) float64 {
	took := runTeam(2, func(me int) {
		b := make([]byte, 1)
		for i := 0; i < trips; i++ {
			if me == 1 {
				_, err := in[1].Read(b)
				must(err)
				b[0]++
				_, err = out[1].Write(b)
				must(err)
				continue
			}
			b[0] = byte(i)
			_, err := out[0].Write(b)
			must(err)
			_, err = in[0].Read(b)
			must(err)
			if b[0] != byte(i+1) {
				die("echo: wrong byte")
			}
		}
	})
	return took / float64(trips)
}

// Two pipes between two: what each of them reads from, and writes to.
func pipes() (in, out [2]stream) {
	thereR, thereW, err := os.Pipe()
	must(err)
	backR, backW, err := os.Pipe()
	must(err)
	return [2]stream{backR, thereR}, [2]stream{thereW, backW}
}

func rowPipe(n, _ int) float64 {
	in, out := pipes()
	return talk(n, in, out)
}

func rowSocketpair(n, _ int) float64 {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	must(err)
	var ends [2]stream
	for i, fd := range fds {
		ends[i], err = net.FileConn(os.NewFile(uintptr(fd), "end"))
		must(err)
	}
	return talk(n, ends, ends)
}

func rowFileread(n, size int) float64 {
	file, err := os.CreateTemp("", "fileread")
	must(err)
	must(os.Remove(file.Name()))
	_, err = file.Write(make([]byte, size))
	must(err)
	took := runTeam(1, func(int) {
		bytes := make([]byte, size)
		for i := 0; i < n; i++ {
			_, err := file.ReadAt(bytes, 0)
			must(err)
		}
	})
	file.Close()
	return took / float64(n)
}

func rowCPU(n, size int) float64 {
	results := make([]uint64, size)
	took := runTeam(size, func(me int) {
		x := uint64(88172645463325252)
		for i := 0; i < n*1000000; i++ {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		results[me] = x
	})
	for _, x := range results {
		if x != results[0] || x == 0 {
			die("cpu: goroutines disagree")
		}
	}
	return took / float64(n)
}

// The median of what one gives n times, while size goroutines spin.
func amongSpinners(n, size int, one func() float64) float64 {
	var stop int32
	t := startTeam(size, func(int) {
		for atomic.LoadInt32(&stop) == 0 {
		}
	})
	close(t.gate)
	took := make([]float64, n)
	for i := range took {
		took[i] = one()
	}
	atomic.StoreInt32(&stop, 1)
	t.done.Wait()
	sort.Float64s(took)
	return took[n/2]
}

func rowLate(n, size int) float64 {
	return amongSpinners(n, size, func() float64 {
		start := time.Now()
		time.Sleep(time.Millisecond)
		return since(start) - 1e6
	})
}

func rowWakeup(n, size int) float64 {
	in, out := pipes()
	go func() {
		b := make([]byte, 1)
		for {
			_, err := in[1].Read(b)
			must(err)
			_, err = out[1].Write(b)
			must(err)
		}
	}()
	return amongSpinners(n, size, func() float64 {
		b := make([]byte, 1)
		start := time.Now()
		_, err := out[0].Write(b)
		must(err)
		_, err = in[0].Read(b)
		must(err)
		return since(start)
	})
}

func rowSpread(n, size int) float64 {
	const line = 8
	var stop int32
	counts := make([]int64, size*line)
	t := startTeam(size, func(me int) {
		for atomic.LoadInt32(&stop) == 0 {
			atomic.AddInt64(&counts[me*line], 1)
		}
	})
	close(t.gate)
	time.Sleep(time.Duration(n) * time.Millisecond)
	atomic.StoreInt32(&stop, 1)
	t.done.Wait()
	var sum, worst float64
	for me := 0; me < size; me++ {
		sum += float64(counts[me*line])
	}
	for me := 0; me < size; me++ {
		worst = math.Max(worst, math.Abs(float64(counts[me*line])*float64(size)/sum-1))
	}
	return 100 * worst
}

// The number of a "Key: 123" line of /proc/self/status.
func status(key string) int {
	text, err := os.ReadFile("/proc/self/status")
	must(err)
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, key+":") {
			value, err := strconv.Atoi(strings.Fields(line)[1])
			must(err)
			return value
		}
	}
	die("a line is missing in /proc/self/status")
	return 0
}

func parked(n int, key string) (before, after int) {
	debug.FreeOSMemory()
	before = status(key)
	t := startTeam(n, func(int) {})
	after = status(key)
	close(t.gate)
	t.done.Wait()
	return
}

func rowMemory(n, _ int) float64 {
	before, after := parked(n, "VmRSS")
	return float64(after-before) * 1024 / float64(n)
}

func rowPagetables(n, _ int) float64 {
	before, after := parked(n, "VmPTE")
	return float64(after-before) * 1024 / float64(n)
}

func rowTasks(n, _ int) float64 {
	_, after := parked(n, "Threads")
	return float64(after)
}

func cpuNow() float64 {
	var use syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return float64(use.Utime.Nano() + use.Stime.Nano())
}

func rowIdle(n, size int) float64 {
	t := startTeam(size, func(int) {})
	used := cpuNow()
	time.Sleep(time.Duration(n) * time.Second)
	used = cpuNow() - used
	close(t.gate)
	t.done.Wait()
	return used / float64(n)
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: gobench --list | gobench ROW [N [SIZE]]")
	os.Exit(2)
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 {
		usage()
	}
	return value
}

func main() {
	args := os.Args[1:]
	if len(args) == 1 && args[0] == "--list" {
		for _, r := range rows {
			fmt.Println(r.name)
		}
		return
	}
	if len(args) < 1 || len(args) > 3 {
		usage()
	}
	for _, r := range rows {
		if r.name != args[0] {
			continue
		}
		if len(args) > 1 {
			r.n = number(args[1])
		}
		if len(args) > 2 {
			r.size = number(args[2])
		}
		fmt.Printf("%.2f\n", r.run(r.n, r.size))
		return
	}
	fmt.Fprintf(os.Stderr, "gobench: no row '%s'\n", args[0])
	os.Exit(2)
}
