-- The embedded log's file. A chunk is a run of consecutive records of one partition that were committed together: storing
-- runs instead of records makes the cost of a record that of its bytes. `id` is partition << 48 | offset of the first one.
CREATE TABLE chunks (
    id          INTEGER PRIMARY KEY,
    appended_at INTEGER NOT NULL,          -- epoch ms, the writer's clock
    records     INTEGER NOT NULL,
    body        BLOB    NOT NULL           -- MessagePack [[key, value], …]; larger ones 0xC1 and an lz4 block of it
) STRICT;

-- Where a partition goes on when retention took its last chunk; otherwise the last chunk itself says it.
CREATE TABLE heads (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL) STRICT;

CREATE TABLE commits (name TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (name, partition)) STRICT, WITHOUT ROWID;
CREATE TABLE marks   (name TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (name, partition)) STRICT, WITHOUT ROWID;

-- The groups that the last retention was told to wait for: a writer that is out of room may drop what they are done with.
CREATE TABLE retention_groups (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE origin (generation INTEGER NOT NULL, partitions INTEGER NOT NULL) STRICT;
