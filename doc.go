// Package edfsm is the map of a framework for durable, event-driven finite
// state machines.
package edfsm
