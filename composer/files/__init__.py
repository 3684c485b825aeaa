"""What every writer and reader of files needs: endings, ordinary files, staging, documents."""
