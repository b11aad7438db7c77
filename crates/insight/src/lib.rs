//! Folds over the log: call detail records, agent history, queue accounts.
