//! One tenant's live floor: calls and their legs; joins the cores; writes the log.
