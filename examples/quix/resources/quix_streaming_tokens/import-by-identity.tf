import {
  to = quix_streaming_tokens.dev
  identity = {
    workspace_id = "acme-shop-dev"
  }
}
