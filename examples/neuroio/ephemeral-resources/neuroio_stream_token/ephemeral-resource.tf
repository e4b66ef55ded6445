ephemeral "neuroio_stream_token" "run" {}

# Another provider is given it for this run.
provider "neuroio" {
  alias     = "run"
  api_token = ephemeral.neuroio_stream_token.run.key
}

data "neuroio_stream_tokens" "all" {
  provider = neuroio.run
}
