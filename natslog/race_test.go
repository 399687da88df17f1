//go:build race

package natslog_test

func init() { killsByDefault = 8 } // everything takes some four times as long
