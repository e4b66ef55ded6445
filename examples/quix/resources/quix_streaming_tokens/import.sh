# The id is the environment's id.
terraform import quix_streaming_tokens.dev acme-shop-dev
