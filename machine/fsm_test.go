package machine

import "testing"

func TestChangeNames(t *testing.T) {
	for c, want := range map[Change]string{
		Unchanged: "unchanged", Updated: "updated", Transitioned: "transitioned", 7: "invalid change",
	} {
		if got := c.String(); got != want {
			t.Errorf("Change(%d) is %q, want %q", uint8(c), got, want)
		}
	}
}
