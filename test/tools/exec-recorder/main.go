// Command exec-recorder turns every program start on this computer, in any namespace, into a line of
// its arguments, so that a test can prove that a secret was in none of them. It asks the kernel's
// process connector, which reports each execve, and reads the arguments at once. It runs until it
// is ended by a signal. Needs root and a kernel with CONFIG_PROC_EVENTS.
//
// Usage: exec-recorder FILE
//
// Each line of FILE is a program's arguments as one JSON array. The last line, `{"execs":N,"read":M,
// "lost":L}`, says how many starts were reported, how many of them could still be read (a process may be
// gone within microseconds), and how often the kernel had to drop events.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// From linux/connector.h, linux/cn_proc.h and linux/netlink.h.
const (
	netlinkConnector = 11
	cnIdxProc        = 1
	cnValProc        = 1
	procListen       = 1
	procEventExec    = 2
	headerBytes      = 16 // nlmsghdr
	connectorBytes   = 20 // cn_msg
	soRcvbufForce    = 33
)

type tally struct {
	Execs int64 `json:"execs"`
	Read  int64 `json:"read"`
	Lost  int64 `json:"lost"`
}

func main() {
	if len(os.Args) != 2 {
		fail(errors.New("usage: exec-recorder FILE"))
	}
	file, err := os.OpenFile(os.Args[1], os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		fail(err)
	}
	socket, err := listen()
	if err != nil {
		fail(err)
	}
	// The caller waits for this line before it starts what is to be recorded.
	fmt.Println("listening")
	// When to stop, in nanoseconds since the epoch; 0 while nobody has asked.
	var last atomic.Int64
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		// What was queued before the signal is still read; on a busy computer the queue never empties.
		last.Store(time.Now().Add(300 * time.Millisecond).UnixNano())
	}()
	out := bufio.NewWriterSize(file, 1<<20)
	told, err := record(socket, out, &last)
	if err != nil {
		fail(err)
	}
	line, _ := json.Marshal(told)
	fmt.Fprintln(out, string(line))
	if err := out.Flush(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "exec-recorder:", err)
	os.Exit(1)
}

// listen subscribes to the process connector.
func listen() (int, error) {
	socket, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_DGRAM, netlinkConnector)
	if err != nil {
		return 0, fmt.Errorf("no process connector in this kernel: %w", err)
	}
	address := &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK, Groups: cnIdxProc}
	if err := syscall.Bind(socket, address); err != nil {
		return 0, fmt.Errorf("cannot listen to the process connector: %w", err)
	}
	// A burst of forks must not overflow the queue; a plain size is second best.
	if syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, soRcvbufForce, 64<<20) != nil {
		_ = syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<20)
	}
	tick := syscall.NsecToTimeval(int64(200 * time.Millisecond))
	if err := syscall.SetsockoptTimeval(socket, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &tick); err != nil {
		return 0, err
	}
	message := make([]byte, headerBytes+connectorBytes+4)
	native := binary.NativeEndian
	native.PutUint32(message[0:], uint32(len(message)))
	native.PutUint16(message[4:], syscall.NLMSG_DONE)
	native.PutUint32(message[12:], uint32(os.Getpid()))
	native.PutUint32(message[16:], cnIdxProc)
	native.PutUint32(message[20:], cnValProc)
	native.PutUint16(message[32:], 4)
	native.PutUint32(message[36:], procListen)
	return socket, syscall.Sendto(socket, message, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK})
}

// record writes one line per program start until the time is over.
func record(socket int, out *bufio.Writer, last *atomic.Int64) (tally, error) {
	var told tally
	buffer := make([]byte, 1<<16)
	for {
		if end := last.Load(); end != 0 && time.Now().UnixNano() > end {
			return told, nil
		}
		count, _, err := syscall.Recvfrom(socket, buffer, 0)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			continue
		case errors.Is(err, syscall.ENOBUFS):
			told.Lost++
			continue
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return told, err
		}
		pid, is := execOf(buffer[:count])
		if !is {
			continue
		}
		told.Execs++
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || len(raw) == 0 {
			continue
		}
		told.Read++
		line, _ := json.Marshal(strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00"))
		if _, err := fmt.Fprintln(out, string(line)); err != nil {
			return told, err
		}
	}
}

// execOf finds the process id in an event that reports an execve.
func execOf(message []byte) (uint32, bool) {
	const event = headerBytes + connectorBytes
	native := binary.NativeEndian
	if len(message) < event+20 || native.Uint32(message[event:]) != procEventExec {
		return 0, false
	}
	return native.Uint32(message[event+16:]), true
}
