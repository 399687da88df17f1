package suite

import "iter"

// walk goes through a sequence and counts what is in it.
func walk[T any](seq iter.Seq2[T, error]) (n int, err error) {
	for _, err := range seq {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
