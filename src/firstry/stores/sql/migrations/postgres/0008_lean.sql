-- Room was kept in the pages of milestones for new versions of their rows beside the old
-- ones. Every claim and settle changes the state, which indexes ask for, so it was of no use.

ALTER TABLE milestone RESET (fillfactor);
