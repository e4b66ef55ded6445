import {
  to = quix_streaming_tokens.dev
  id = "acme-shop-dev"
}
