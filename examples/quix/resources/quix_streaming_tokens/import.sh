# The id is the environment's.
terraform import quix_streaming_tokens.dev acme-shop-dev
