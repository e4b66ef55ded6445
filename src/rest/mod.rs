//! One HTTP client for all platforms: bearer, timeouts, retries, rate limits, redaction, error answers.
