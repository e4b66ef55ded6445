terraform {
  required_providers {
    neuroio = {
      source = "token-providers/neuroio"
    }
  }
}

# The provider's own token comes from the environment variable NEUROIO_API_TOKEN.
provider "neuroio" {}
