-- Who is signed in to the console, and which of its forms were sent.

CREATE TABLE console_session (
    digest     TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    token_id   TEXT REFERENCES api_token,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER console_session_keeps_what_it_is
BEFORE UPDATE OF digest, name, role, token_id, created_at, ends_at ON console_session
BEGIN SELECT RAISE(ABORT, 'a session keeps its name, role and end'); END;

-- A form is kept until it would be too old anyway.
CREATE TABLE console_form (
    digest  TEXT PRIMARY KEY,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
