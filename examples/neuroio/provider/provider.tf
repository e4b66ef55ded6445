terraform {
  required_providers {
    neuroio = {
      source  = "token-providers/neuroio"
      version = "~> 0.1.0"
    }
  }
}

# The API token is in the environment variable NEUROIO_API_TOKEN.
provider "neuroio" {}
