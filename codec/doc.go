// Package codec turns events and states into bytes and back, for logs that
// outlive the code that wrote them.
//
// A [Codec] is made from a [Format] by [Of], for values of one type, or by
// [Union], for values that are one of several:
//
//	readings, err := codec.Of[Reading](codec.CBOR)
//	events, err := codec.Union(codec.JSON, map[string]Event{"raised": Raised{}, "cleared": Cleared{}})
//
// Codecs and formats are safe for concurrent use. They keep no part of the
// bytes and values that they are given.
//
// # Which format
//
// [JSON] if people look at the records: in the sqlite3 shell a union reads
// {"raised":{"level":"high"}}. [CBOR] for production: it is a third smaller
// and decodes four times as fast. [MsgPack] if other programs read or write the
// records and speak it; its library is no longer maintained.
//
//	                                JSON    CBOR    msgpack
//	small event, bytes                96      76         59
//	  time to encode                   1    0.40       0.46
//	  time to decode                   1    0.29       0.34
//	event of 4 KiB, bytes           4097    2646       2744
//	  time to encode                   1    0.43       1.02
//	  time to decode                   1    0.22       0.35
//	time against the library by hand, with reused state
//	  encode, small and 4 KiB  1.13 1.02  1.15 0.99  1.26 1.08
//	  decode, small and 4 KiB  1.23 1.14  1.04 1.00  1.46 1.27
//
// The small event is a struct of a string, an integer, a float, a time and a
// bool, the large one has a slice of 59 structs. CBOR above 8 KiB is checked
// before the library sees it and decodes in 1.34 times the library's time. The
// benchmarks of this package print the figures of other machines.
//
// # What the formats have in common
//
// What could be written but not read back, or read back as something else, is
// an error, and as early as it can be told:
//
//   - When a codec is built: a type that the format cannot carry, such as a
//     field of an interface type or a struct without exported fields. The
//     [TypeError] names the field. A type that encodes itself has to decode
//     itself by the same means.
//   - When a value is encoded: NaN and infinities, and what is beyond the
//     [Limits].
//   - When bytes are decoded: bytes after the value, integers that do not fit,
//     what is beyond the Limits. Hostile bytes cost memory in proportion to
//     their number: within the default Limits some 64 times as much, if no
//     element of a slice takes more than 32 bytes of memory and none is itself
//     a slice or a map. Types that decode themselves are on their own.
//
// Fields are named by the tag json in all formats, unless there is a tag cbor
// or msgpack. Unknown fields are ignored. Nil and empty slices and maps stay
// what they are, if omitempty does not drop them. A pointer to something nil
// comes back as a nil pointer. Null is read as the zero value.
//
// # What remains different
//
//	                                JSON            CBOR            msgpack
//	text that is not UTF-8          refused         kept            kept
//	key twice in a map              last one wins   refused         refused
//	names of fields match in        any case        their case      their case
//	time                            with its zone   in UTC          in the local zone
//	  zone offset not in minutes    instant is off  kept            kept
//	  year before 0, after 9999     refused         refused         kept
//	any holding integer             float64         uint64, int64   smallest that fits
//	any holding []byte              base64 string   []byte          []byte
//	any holding time                string          time.Time       time.Time
//	array longer than its type      cut             cut             refused
//	nil embedded pointer            nil             nil             pointer to zero
//	tag option omitzero             yes             yes             no
//	tag option string               yes             no              no
//	equal values, equal bytes       yes             yes             unless they hold maps other
//	                                                                than of string to string, bool, any
//
// Times keep their nanoseconds in all formats.
//
// # Records of the past
//
// A log is read by newer code than wrote it. Fields that were added are zero in
// old records, fields that were removed are ignored. Beyond that:
//
//   - A case of a union gets another name: [Former].
//   - A case changes its shape: give the new shape a new name and say by
//     [Upcast] what records under the old name are today, which may be no event
//     or several.
//   - A plain codec has no names: change its type in compatible ways only.
package codec
