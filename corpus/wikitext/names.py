"""Names that links are told by: of file and category namespaces, of languages.

A dump states its wiki's own names, but not the older ones that pages use too. Pages move between
wikis with their links; so each name is known here for every wiki, but for those that begin titles.
"""

import re
from collections.abc import Mapping

LLAMA_LANGUAGES = tuple("bg ca cs da de en es fr hr hu it nl pl pt ro ru sl sr sv uk".split())

FILE, CATEGORY = 6, 14  # numbers of the namespaces
_FILE = """file image fichier datei bild archivo imagen fitxer imatge ficheiro arquivo imagem imaxe
    bestand afbeelding plik grafika soubor obrázek súbor obrázok fil billede bilde fișier fişier
    datoteka slika датотека слика податотека файл картинка изображение зображення выява fájl kép
    immagine tiedosto kuva αρχείο εικόνα dosya resim tập_tin hình berkas gambar ファイル 画像 파일
    그림 文件 檔案 档案 图像 圖像 ملف صورة پرونده تصویر קובץ תמונה fitxategi irudi dosiero pilt
    vaizdas attēls चित्र ไฟล์ ภาพ ფაილი სურათი պատկեր şəkil fasciculus"""
_CATEGORY = """category catégorie kategorie categoría categoria categorie kategoria kategória
    kategori kategorija категорија категория категорія катэгорыя luokka κατηγορία thể_loại カテゴリ
    분류 分类 分類 تصنيف رده קטגוריה kategorio kategooria श्रेणी หมวดหมู่ კატეგორია կատեգորիա
    kateqoriya"""
_IN_ONE_WIKI = {"ro": "imagine", "et": "fail", "ms": "fail"}  # elsewhere words that titles have
HIDDEN_LINKS = frozenset(name.replace("_", " ") for name in f"{_FILE} {_CATEGORY}".split())

# Links to other languages' pages stand beside the text, whatever their label.
LANGUAGE_LINK = re.compile(r"(?:[a-z]{2,3}(?:-[a-z]{2,8}){0,2}|simple|be-x-old):")


def hidden_links(namespaces: Mapping[int, str], language: str = "") -> frozenset[str]:
    """The prefixes, in lower case, of links that show no text in a wiki with these namespaces."""
    own = {namespaces.get(number, "").lower() for number in (FILE, CATEGORY)}
    return HIDDEN_LINKS | own | {_IN_ONE_WIKI.get(language, "")} - {""}
