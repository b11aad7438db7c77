-- What is open is asked for as a whole; rows that are over need no entry for it.

DROP INDEX calls_open;
CREATE INDEX calls_open ON calls (tenant) WHERE ended_at IS NULL;

DROP INDEX agent_states_open;
CREATE INDEX agent_states_open ON agent_states (tenant) WHERE until IS NULL;

-- Nobody looks for calls by a number that is none.
DROP INDEX calls_by_caller;
CREATE INDEX calls_by_caller ON calls (tenant, from_canonical) WHERE from_canonical IS NOT NULL;
DROP INDEX calls_by_callee;
CREATE INDEX calls_by_callee ON calls (tenant, to_canonical) WHERE to_canonical IS NOT NULL;
