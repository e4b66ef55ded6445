terraform {
  required_providers {
    startree = {
      source  = "token-providers/startree"
      version = "~> 0.1.0"
    }
  }
}

# STARTREE_ENVIRONMENT and STARTREE_TOKEN set the environment and the provider's token.
provider "startree" {}
