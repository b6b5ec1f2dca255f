-- What the webhook was told of each alert, and what it has yet to be told.

-- `body` is the message that is yet to be delivered, NULL when it was.
CREATE TABLE alert (
    name         TEXT PRIMARY KEY,
    sequence     INTEGER NOT NULL CHECK (sequence >= 1),
    is_firing    INTEGER NOT NULL CHECK (is_firing IN (0, 1)),
    since        INTEGER NOT NULL,
    told_at      INTEGER NOT NULL,
    body         TEXT,
    tries        INTEGER NOT NULL CHECK (tries >= 0),
    next_try_at  INTEGER NOT NULL,
    delivered_at INTEGER
) STRICT, WITHOUT ROWID;
