-- Who is signed in to the console, and which of its forms were sent.

CREATE TABLE console_session (
    digest     TEXT COLLATE "C" PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    token_id   TEXT COLLATE "C" REFERENCES api_token,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL
);
CREATE FUNCTION firstry_console_session_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.digest, NEW.name, NEW.role, NEW.token_id, NEW.created_at, NEW.ends_at)
        IS DISTINCT FROM
       (OLD.digest, OLD.name, OLD.role, OLD.token_id, OLD.created_at, OLD.ends_at) THEN
        RAISE EXCEPTION 'a session keeps its name, role and end'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER console_session_changes BEFORE UPDATE ON console_session
FOR EACH ROW EXECUTE FUNCTION firstry_console_session_changes();

-- A form is kept until it would be too old anyway.
CREATE TABLE console_form (
    digest  TEXT COLLATE "C" PRIMARY KEY,
    ends_at BIGINT NOT NULL
);
