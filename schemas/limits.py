"""Every limit of the way in, in one place, each with its reason. A request over a limit is refused, never cut."""

KIB = 1024
MIB = 1024 * KIB

# A page's whole queue fits in far less; the cap is what protects the parser (2 MiB of "[]," costs 0.4 s in any parser).
BODY_BYTES_MAX = 1 * MIB
# After decompression. The same bound: a gzip bomb stops here, not when memory ends.
INFLATED_BYTES_MAX = 1 * MIB
# What is larger is a page, an image or a history, not what happened.
EVENT_BYTES_MAX = 64 * KIB
# Of a kilobyte each, as events are, they fill a body.
BATCH_EVENTS_MAX = 1_000
# Long addresses and texts of forms fit, in Hebrew as in English; encoded files don't.
STRING_CHARS_MAX = 8 * KIB
# More names are ids in the place of names, deeper ones a tree: neither can be asked for in a column.
PROPERTIES_KEYS_MAX = 255
NESTING_MAX = 16
# Every click id and account number fits; a token or a profile in the place of an id does not.
IDENTIFIER_CHARS_MAX = 512
# Each pair of them is a link, so these are 496 at most.
IDENTIFIERS_MAX = 32
# A pixel's whole event stands in its address.
URL_BYTES_MAX = 16 * KIB
# What nginx takes unless told otherwise (four buffers of 8 KiB).
HEADER_BYTES_MAX = 32 * KIB
HEADERS_MAX = 100
# A slow sender holds a connection, not a worker; these end it.
HEADER_TIMEOUT_S = 5.0
BODY_TIMEOUT_S = 15.0
# Client clocks: `sent_at` is trusted to correct a skew of any size, but an event can't come from the future, and one
# that claims to be older than this was made by a broken clock. Server senders may date back without bound.
PUBLIC_AGE_MAX_S = 3_653 * 86_400
# Clocks that are kept right differ by less.
FUTURE_MAX_S = 300
