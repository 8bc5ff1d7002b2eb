package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

var byteUnits = map[string]float64{
	"": 1, "b": 1,
	"k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12,
	"ki": 1 << 10, "kib": 1 << 10, "mi": 1 << 20, "mib": 1 << 20,
	"gi": 1 << 30, "gib": 1 << 30, "ti": 1 << 40, "tib": 1 << 40,
}

// parseBytes reads 8GiB, 8.6GB or plain digits, which are bytes.
func parseBytes(text string) (float64, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit, known := byteUnits[strings.ToLower(strings.TrimSpace(text[len(digits):]))]
	value, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known {
		return 0, fmt.Errorf("failed to parse bytes: %q", text)
	}
	return math.Floor(value * unit), nil
}

// readableBytes writes 25164230656 as 25GB: decimal units, one decimal below ten.
func readableBytes(size uint64) string {
	if size < 10 {
		return fmt.Sprintf("%dB", size)
	}
	value, unit := float64(size), 0
	for value >= 1000 && unit < 4 {
		value, unit = value/1000, unit+1
	}
	value = math.Floor(value*10+0.5) / 10
	decimals := 0
	if value < 10 {
		decimals = 1
	}
	return strconv.FormatFloat(value, 'f', decimals, 64) + []string{"B", "kB", "MB", "GB", "TB"}[unit]
}

// parseCPUs reads 2, 0.5 or 500m.
func parseCPUs(text string) (float64, error) {
	digits, thousandths := strings.CutSuffix(text, "m")
	value, err := strconv.ParseFloat(digits, 64)
	if thousandths {
		value /= 1000
	}
	return value, err
}

func readableCPUs(count float64) string {
	if count < 1 {
		return strconv.FormatFloat(count*1000, 'f', -1, 64) + "m"
	}
	return strconv.FormatFloat(count, 'f', -1, 64)
}
