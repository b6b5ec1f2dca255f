-- What the webhook was told of each alert, and what it has yet to be told.

-- `body` is the message that is yet to be delivered, NULL when it was.
CREATE TABLE alert (
    name         TEXT COLLATE "C" PRIMARY KEY,
    sequence     BIGINT NOT NULL CHECK (sequence >= 1),
    is_firing    BIGINT NOT NULL CHECK (is_firing IN (0, 1)),
    since        BIGINT NOT NULL,
    told_at      BIGINT NOT NULL,
    body         TEXT,
    tries        BIGINT NOT NULL CHECK (tries >= 0),
    next_try_at  BIGINT NOT NULL,
    delivered_at BIGINT
);
