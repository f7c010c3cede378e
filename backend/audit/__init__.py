"""The auditor's half of the tally: a proof bundle about one loan, and its check with no backend running."""
