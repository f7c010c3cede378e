"""What is done about cover: review a loan, call and cure, open enforcement, quote and order releases."""
