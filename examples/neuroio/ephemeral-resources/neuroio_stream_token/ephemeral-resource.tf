# A new temporary token, which Terraform deletes at the end of the run.
ephemeral "neuroio_stream_token" "run" {}

# A provider that authenticates with the token during this run.
provider "neuroio" {
  alias     = "run"
  api_token = ephemeral.neuroio_stream_token.run.key
}

data "neuroio_stream_tokens" "all" {
  provider = neuroio.run
}

# The value of a token that another configuration manages. It is only read.
ephemeral "neuroio_stream_token" "camera" {
  id = "1"
}

provider "neuroio" {
  alias     = "camera"
  api_token = ephemeral.neuroio_stream_token.camera.key
}

data "neuroio_stream_token" "camera" {
  provider = neuroio.camera
  id       = "1"
}
