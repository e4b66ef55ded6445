ephemeral "neuroio_stream_token" "run" {}

# A provider that authenticates with the token during this run.
provider "neuroio" {
  alias     = "run"
  api_token = ephemeral.neuroio_stream_token.run.key
}

data "neuroio_stream_tokens" "all" {
  provider = neuroio.run
}
