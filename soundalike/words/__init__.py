"""Finding music by words that a model predicts, such as "piano, no vocals, sad".

``query`` reads what somebody asks for, ``synonyms`` is what else the words of a model are called,
``rank`` orders a library by what is asked, ``vocabulary`` shows what can be. Pure functions; the
words are those of the model that analysed the library (:class:`soundalike.models.contract.Word`).
"""
