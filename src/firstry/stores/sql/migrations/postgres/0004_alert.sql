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
CREATE FUNCTION firstry_alert_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence < OLD.sequence OR NEW.name <> OLD.name THEN
        RAISE EXCEPTION 'the messages of an alert are counted upwards'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alert_goes_on BEFORE UPDATE ON alert
FOR EACH ROW EXECUTE FUNCTION firstry_alert_goes_on();
