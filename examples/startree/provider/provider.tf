terraform {
  required_providers {
    startree = {
      source = "token-providers/startree"
    }
  }
}

# The environment and the provider's own token come from STARTREE_ENVIRONMENT and STARTREE_TOKEN.
provider "startree" {}
