-- A server that reports a conversion can name the session by the id its client gave it, whenever the report comes.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS client_sessions Array(String)
    COMMENT 'ids that clients gave this session; what servers only report is not of the client' AFTER continuity;

ALTER TABLE conversion_events ADD COLUMN IF NOT EXISTS client_session String
    COMMENT 'the session a server says it belongs to, by its client''s id' AFTER reporter;
