//go:build race

package race

// Enabled says whether this is so.
const Enabled = true
