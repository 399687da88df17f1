package main

import "testing"

const meminfo = `MemTotal:       24683656 kB
MemFree:          812340 kB
MemAvailable:    6170914 kB
Buffers:            3896 kB
HugePages_Total:       0
`

const stalls = `some avg10=12.50 avg60=3.10 avg300=0.75 total=12631516
full avg10=6.25 avg60=1.55 avg300=0.37 total=3664648
`

func TestParseProc(t *testing.T) {
	load := func(text string) (float64, error) { return parseLoad(text, 4) }
	for _, c := range []struct {
		name  string
		parse func(string) (float64, error)
		text  string
		want  float64 // NaN would be an error
		fails bool
	}{
		{"load", load, "3.00 0.23 0.09 1/81 7160\n", 0.75, false},
		{"load of nothing", load, "", 0, true},
		{"load of words", load, "high 0.23", 0, true},
		{"memory", parseMemory, meminfo, 0.75, false},
		{"memory of old kernels", parseMemory, "MemTotal: 24683656 kB\nMemFree: 812340 kB\n", 0, true},
		{"memory of words", parseMemory, "MemTotal: much kB\nMemAvailable: 1 kB\n", 0, true},
		{"no memory", parseMemory, "MemTotal: 0 kB\nMemAvailable: 0 kB\n", 0, true},
		{"pressure", parsePressure, stalls, 0.0625, false},
		{"pressure without full", parsePressure, "some avg10=12.50 avg60=3.10 avg300=0.75 total=1\n", 0, true},
		{"pressure of words", parsePressure, "full avg10=x\n", 0, true},
	} {
		got, err := c.parse(c.text)
		if (err != nil) != c.fails || err == nil && got != c.want {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

func TestNoPressureWhereThereIsNone(t *testing.T) {
	if p, err := pressure(t.TempDir() + "/memory"); p != 0 || err != nil {
		t.Errorf("%v, %v", p, err)
	}
}
