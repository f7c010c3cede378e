"""What is done to loans: each act loads facts, asks the rules, writes rows and intents, and never commits."""
