-- Where we listen that a phone registered at: from there it is called back, as its NAT lets nothing else through.
ALTER TABLE bindings ADD COLUMN listener TEXT NOT NULL DEFAULT '';
