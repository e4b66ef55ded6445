terraform {
  required_providers {
    neuroio = {
      source = "token-providers/neuroio"
    }
  }
}

# The API token is in the environment variable NEUROIO_API_TOKEN.
provider "neuroio" {}
