package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
)

// measure reads this computer's load, memory and pressure from /proc.
func measure() (load.Reading, error) {
	r := load.Reading{Time: time.Now()}
	loads, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return r, err
	}
	if r.Load, err = parseLoad(string(loads), runtime.NumCPU()); err != nil {
		return r, fmt.Errorf("/proc/loadavg: %w", err)
	}
	memory, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return r, err
	}
	if r.Memory, err = parseMemory(string(memory)); err != nil {
		return r, fmt.Errorf("/proc/meminfo: %w", err)
	}
	for _, name := range []string{"/proc/pressure/memory", "/proc/pressure/io"} {
		p, err := pressure(name)
		if err != nil {
			return r, err
		}
		r.Pressure = max(r.Pressure, p)
	}
	return r, r.Check()
}

// pressure is 0 where the kernel was built without stall information, or was
// started with it off.
func pressure(name string) (float64, error) {
	stalls, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EOPNOTSUPP) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	p, err := parsePressure(string(stalls))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// parseLoad returns the first of the load averages for each core.
func parseLoad(text string, cores int) (float64, error) {
	first, _, _ := strings.Cut(text, " ")
	load, err := strconv.ParseFloat(first, 64)
	return load / float64(cores), err
}

// parseMemory returns the share that is not available without swapping.
func parseMemory(text string) (float64, error) {
	kilobytes := make(map[string]float64)
	in := bufio.NewScanner(strings.NewReader(text))
	for in.Scan() {
		name, value, _ := strings.Cut(in.Text(), ":")
		if name != "MemTotal" && name != "MemAvailable" {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		if err != nil {
			return 0, err
		}
		kilobytes[name] = n
	}
	available, ok := kilobytes["MemAvailable"]
	if total := kilobytes["MemTotal"]; ok && total > 0 {
		return 1 - available/total, nil
	}
	return 0, errors.New("MemTotal or MemAvailable is missing")
}

// parsePressure returns the share of the last ten seconds in which all tasks
// that had work were stalled.
func parsePressure(text string) (float64, error) {
	for line := range strings.Lines(text) {
		averages, ok := strings.CutPrefix(line, "full avg10=")
		if !ok {
			continue
		}
		avg10, _, _ := strings.Cut(averages, " ")
		percent, err := strconv.ParseFloat(avg10, 64)
		return percent / 100, err
	}
	return 0, errors.New("full avg10 is missing")
}
