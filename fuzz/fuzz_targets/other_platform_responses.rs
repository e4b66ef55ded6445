#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| token_providers::fuzz::other_platform_responses(bytes));
